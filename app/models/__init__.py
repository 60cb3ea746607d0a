"""What the platform knows: tables, the queries on them, and what each signal changes in them (the folds)."""

from app.models import certificates as certificates
from app.models import channels as channels
from app.models import credentials as credentials
from app.models import deploys as deploys
from app.models import digests as digests
from app.models import dnslinks as dnslinks
from app.models import domains as domains
from app.models import ens as ens
from app.models import ens_progress as ens_progress
from app.models import gates as gates
from app.models import healing as healing
from app.models import hooks as hooks
from app.models import idempotency as idempotency
from app.models import integrity as integrity
from app.models import leftovers as leftovers
from app.models import listeners as listeners
from app.models import notifications as notifications
from app.models import publishing as publishing
from app.models import quotas as quotas
from app.models import setups as setups
from app.models import sign_in as sign_in
from app.models import sites as sites
from app.models import tokens as tokens
from app.models import traffic as traffic
from app.models import usage as usage
from app.models import webhooks as webhooks
