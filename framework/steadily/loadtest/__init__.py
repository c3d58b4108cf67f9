"""The load test: open traffic at a multiple of the peak, and a verdict that says how far it may be trusted.

Owns when requests are sent, the sending and timing of them, what is sent, and the
verdict. How times are counted is ``latency``'s; what becomes of a verdict is the deployment's.
"""
