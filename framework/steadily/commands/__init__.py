"""What the commands do: each reads its words, calls one function inside, and prints."""
