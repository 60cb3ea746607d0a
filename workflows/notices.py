"""Who is told of what. Nothing waits for it, and a notice that cannot be sent harms nothing."""

from app.engine import follow
from app.signals.deploys import DeployCompleted, DeployFailed
from tasks import notifications

follow(DeployCompleted | DeployFailed, do=notifications.tell)
