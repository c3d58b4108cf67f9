"""What stands beside each figure, in few sentences: what it says, and when to mistrust it."""

from __future__ import annotations

EXPLAINED = {
    "quality": (
        "Precision is the share of the answers “this class” that were right; recall the share of the class’s rows "
        "that were found. Only predictions old enough for their labels to have come are counted, so these lines end "
        "earlier than the others. The band is the 95 % interval: where few labels have come it is wide. The dotted "
        "line is where a rule alerts, and it does so only when the whole interval lies beyond it.",
        "Estimated accuracy needs no labels: it is the mean probability of the predicted class, corrected by the "
        "calibration that the evaluation showed. It follows a change of what comes in. It does not see that classes "
        "have come to mean something else: then it stays where it is, and the measured one falls.",
        "Label coverage is the share of those predictions that have a label. Where it is low, the figures are those "
        "of whatever gets labelled.",
    ),
    "latency": (
        "The time from a request’s arrival to its answer, of requests that were worked on. Percentiles are never "
        "averaged: hourly countings are added up and asked, and what is shown is within 1 % of the exact value. A "
        "percentile is shown where at least ten requests lie above it. Rules judge the last hour; the line is of "
        "the whole window.",
    ),
    "drift": (
        "How far what comes in has moved from the rows that the model learned from, less what chance alone would "
        "show. Up to 0.1 is no drift, from 0.25 it is strong. The score of the whole is that of the column that "
        "moved most.",
        "The window is for the eye: two shifted days of seven hardly move it. Alerts are judged on whole days: 0.1 "
        "on two days running, or 0.25 on one, with at least 200 rows and a p-value of at most 0.01.",
    ),
    "confidence": (
        "How sure the model was of its answers: the distribution of the largest class probability, beside the one "
        "of the evaluation. “Less sure than usual” are answers below the confidence that nine of ten had in the "
        "evaluation: a tenth is expected there. A model can be sure and wrong; this says only that it sees "
        "something unlike before.",
    ),
    "errors": (
        "Four shares, each with its own whole, since they call for different people. Errors are exceptions, time- "
        "outs and answers that are none, of the requests that were worked on. Shed are those turned away with 503. "
        "4xx are the clients’ mistakes. Refused rows are those that training would not have taken. A wrong "
        "prediction is none of these.",
    ),
    "traffic": (
        "Requests of each hour in UTC. An hour without any is a gap and stays one: nothing is filled in. Figures of "
        "a window with gaps are of the hours that have data.",
    ),
    "releases": (
        "What was done to the slots, by whom and why. Lines in the charts mark when another release went live. A "
        "release’s windows hold its own answers alone, so that the first ones after it went live rest on few rows.",
    ),
    "shadow": (
        "The shadow is sent the requests that the live release answers, off the path of the answer, and nobody gets "
        "to see what it says. Both answers are kept side by side and compared: how often they agree, on which "
        "classes not, which one fails or is slower. It may go live when every line of the checklist has passed; a "
        "person may go over a line with a reason, which is kept for ever.",
    ),
    "alerts": (
        "An alert says that a figure has crossed its level, on which evidence, and since when. It tells people. "
        "Nothing retrains, deploys or runs because of it. Whoever acknowledges it says that somebody has seen it; "
        "it is over when the figure has been well again for as long as its rule says.",
    ),
    "runs": (
        "Each run of the pipeline with what it did to every row: dropped, quarantined, filled in, lost, by step and "
        "reason.",
    ),
}  # fmt: skip
