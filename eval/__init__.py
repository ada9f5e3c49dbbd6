"""Is it right, is it faithful, does it know what it does not know, and did a change make it better or worse?

A *sample* is what is asked, a *score* is what came of one sample (numbers, with the reasons), a *metric* makes one
figure of many scores. Scorers never average, metrics never read text. `eval.cli` is where `kb eval` comes in.
"""
