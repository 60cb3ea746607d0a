"""The rollback flow: the same pointer moved back.

Nothing is fetched, built or uploaded: storage still has the earlier content. Sites moves the pointer unless
a newer wish was fulfilled meanwhile, and what follows a publication follows this as well.
"""

from app.engine import MINUTES, on, settled
from app.signals.rollback import DeployRolledBack, RollbackRequested
from tasks import domains, sites

on(RollbackRequested, do=sites.roll_back)
on(DeployRolledBack, do=domains.sync_records)
on(settled(DeployRolledBack, within=15 * MINUTES), do=sites.complete_deploy)
