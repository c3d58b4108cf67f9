"""The report: one page that shows a run to somebody who was not there.

Owns what the page says and how it looks. What happened is read from the
outputs, the ledgers and the journal.
"""
