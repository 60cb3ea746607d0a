"""What is counted. Usage hears Storage, Sites and Domains, and those who tell others: nothing waits for it.

Content counts as published once host names were to lead to it. What the gateway serves is counted from its
access files instead: no event tells of a request.
"""

from app.engine import follow
from app.signals.deploys import DeployPublished
from app.signals.domains import DomainSyncCompleted, DomainSyncFailed
from app.signals.ens import EnsUpdateConfirmed
from app.signals.notifications import NotificationSent
from app.signals.storage import UploadCompleted
from app.signals.webhooks import WebhookDelivered
from tasks import usage

follow(UploadCompleted, do=usage.measure_upload)
follow(DeployPublished, do=usage.measure_publication)
follow(DomainSyncCompleted | DomainSyncFailed, do=usage.measure_deploy)
follow(EnsUpdateConfirmed, do=usage.measure_gas)
follow(WebhookDelivered, do=usage.measure_call)
follow(NotificationSent, do=usage.measure_message)
