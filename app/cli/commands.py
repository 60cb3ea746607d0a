"""The manifest of the command line."""

from flask import Flask

from app.cli import applying as applying
from app.cli import listening as listening
from app.cli.channels import channels
from app.cli.deploy import deploy
from app.cli.deploys import deploys
from app.cli.doctor import doctor
from app.cli.domains import domains
from app.cli.ens import ens
from app.cli.events import events
from app.cli.flows import flows
from app.cli.graph import graph
from app.cli.hooks import hooks
from app.cli.listeners import listeners
from app.cli.notifications import notifications
from app.cli.quotas import quotas
from app.cli.reactions import reactions
from app.cli.release import release
from app.cli.replays import replays
from app.cli.sign_in import sign_in_link
from app.cli.sites import sites
from app.cli.tokens import tokens
from app.cli.usage import usage
from app.cli.verify import verify

COMMANDS = (
    *(deploy, verify, doctor, release, sign_in_link),
    *(sites, domains, ens, deploys, flows, events, listeners, reactions, replays, tokens, hooks, graph),
    *(channels, notifications),
    *(usage, quotas),
)


def add_commands(app: Flask) -> None:
    """Let `flask` know every command of ours."""
    for command in COMMANDS:
        app.cli.add_command(command)
