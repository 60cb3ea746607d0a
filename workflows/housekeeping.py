"""What is cleared away: archives once their deploy is over, deploys under way when their site is deleted."""

from app.engine import follow, on
from app.signals.deploys import (
    DeployCancelled,
    DeployCompleted,
    DeployFailed,
    DeploySkipped,
    DeploySuperseded,
)
from app.signals.sites import SiteDeleted
from tasks import housekeeping

follow(
    DeployCompleted | DeployFailed | DeploySkipped | DeploySuperseded | DeployCancelled,
    do=housekeeping.clear_spool,
)
on(SiteDeleted, do=housekeeping.cancel_deploys)
