"""Tells people of alerts and of failed stages, through the channels that Apprise knows."""
