"""The dashboard and ``/api``: what is known of what serves, for people's eyes and for other programs.

Owns pages, routes, who is let in, and how things look. Every figure is made elsewhere: in ``steadily.monitor``,
``steadily.rollout``, the journal and the ledgers. Nothing in here decides, deploys or trains.
"""
