"""How ENS names follow what is live.

A linked name is looked at first, and asked to follow. From then on the sync of the site's host names asks at
every publication and rollback, or, where an IPFS node is configured, the pinning does. The owner's wallet
signs what is prepared, or our own signer what is drafted; then the chain is looked at until it says so, in
flows of their own, so that no deploy waits for a person. A name that is in step is looked at now and then.
"""

from app.engine import on
from app.signals.ens import EnsCheckRequested, EnsRecordLinked, EnsUpdateDrafted, EnsUpdateRequested
from tasks import ens, ens_transactions, ens_watch

on(EnsUpdateRequested, do=ens.open_update, key="ens_id", at_once=1)  # so that no two drafts have one nonce
on(EnsUpdateDrafted, do=ens.submit, key="ens_id")
on(EnsRecordLinked, do=ens_watch.look, key="ens_id", name="ens:look_at_once")
on(EnsCheckRequested, do=ens_watch.look, key="ens_id", when={"of": ["name"]})
on(EnsCheckRequested, do=ens_transactions.watch, key="ens_id", when={"of": ["transaction"]})
