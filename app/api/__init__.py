"""The HTTP API: each endpoint parses, does one command or one query, and serialises."""

from app.api import again as again
from app.api import applying as applying
from app.api import backfill as backfill
from app.api import channels as channels
from app.api import coverage as coverage
from app.api import deploy_hooks as deploy_hooks
from app.api import deploys as deploys
from app.api import domains as domains
from app.api import events as events
from app.api import explain as explain
from app.api import flows as flows
from app.api import gates as gates
from app.api import graph as graph
from app.api import health as health
from app.api import listeners as listeners
from app.api import listening as listening
from app.api import metrics as metrics
from app.api import notifications as notifications
from app.api import quotas as quotas
from app.api import reactions as reactions
from app.api import replays as replays
from app.api import sites as sites
from app.api import stream as stream
from app.api import tokens as tokens
from app.api import trying as trying
from app.api import usage as usage
