"""How fresh assets have to be: Dagster's daemon judges it, its UI shows it.

Belongs here: the two policies. Does not: when jobs run (cadence), what is told of a table that is late (watching).
"""

from datetime import timedelta

import dagster as dg

HOURLY = dg.FreshnessPolicy.time_window(warn_window=timedelta(minutes=75), fail_window=timedelta(minutes=150))
"""Written by each hourly run: one run late is a warning, two are a failure."""

DAILY = dg.FreshnessPolicy.cron(deadline_cron="0 8 * * *", lower_bound_delta=timedelta(hours=8), timezone="UTC")
"""Written by the daily run of that day, which has until 08:00 UTC."""
