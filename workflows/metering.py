"""What is counted. Usage hears Domains: content counts as published once host names were to lead to it."""

from app.engine import follow
from app.signals.domains import DomainSyncCompleted, DomainSyncFailed
from tasks import usage

follow(DomainSyncCompleted | DomainSyncFailed, do=usage.measure_deploy)
