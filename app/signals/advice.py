"""What is known about each failure code besides what its own message says: why it happens, and what next."""

#: By code: why, and what to do next.
ADVICE: dict[str, tuple[str, str]] = {
    # the archive
    "archive_bomb": (
        "It unpacks to far more than it is.",
        "Send the files as they are, or raise MAX_BOMB_RATIO.",
    ),
    "archive_corrupt": ("Its bytes were changed on the way, or it was not closed.", "Pack it again."),
    "archive_empty": ("There is not one file in it.", "Look at which folder is packed."),
    "archive_encrypted": ("Nobody here knows its password.", "Pack it without one."),
    "archive_truncated": ("The end of it is missing.", "Upload it again."),
    "archive_unknown": ("It is neither a zip nor a tar.", "Pack it as one of these."),
    "archive_unsupported": (
        "It is packed in a way that is not read here.",
        "Pack it as a plain zip or tar.gz.",
    ),
    "path_illegal": ("A name in it leads nowhere that is safe.", "Rename the file that is named."),
    "path_encoding": ("A name in it is not UTF-8.", "Rename the file, or pack it elsewhere."),
    "path_collision": ("Two names in it are one on many systems.", "Rename one of them."),
    "symlink_escape": ("Links are not taken, and this one leads out.", "Put the file itself there."),
    "too_many_files": ("The limit of files is passed.", "Leave some out, or raise MAX_SITE_FILES."),
    "source_too_large": ("The limit of bytes is passed.", "Leave some out, or raise MAX_SITE_BYTES."),
    "source_not_found": ("What was uploaded is not there any more.", "Upload it again."),
    "index_missing": ("Visitors of / will find nothing.", "Add index.html."),
    # storage
    "blob_hash_mismatch": (
        "What was read is not what was named.",
        "Deploy again; if it stays, look at the disk.",
    ),
    "blob_missing": ("A block of the content is gone.", "Deploy the same content again, which heals it."),
    "backend_full": ("There is no room left in storage.", "Make room; then deploy again."),
    "backend_unavailable": ("Storage does not answer.", "Look whether it runs; then deploy again."),
    # time and machines
    "stage_timeout": (
        "It took longer than this part of the work may.",
        "Look at the workers, then deploy again.",
    ),
    "worker_lost": ("The process that did it ended in the middle.", "Look at its log and at the memory."),
    "poison_event": (
        "Every worker that took it ended with it.",
        "Look at the workers' logs, then retry or skip it.",
    ),
    "listener_error": ("The action raised what nobody expects.", "See the reaction: flask reactions dead."),
    "internal": ("This is a mistake of the platform.", "See the log; then retry it: flask reactions retry."),
    # calls and messages that leave the house
    "http_3xx": ("Redirects are not followed.", "Save the address that it redirects to."),
    "http_4xx": ("The receiver understood and refused.", "Look at the receiver's log."),
    "http_410": (
        "The receiver does not want to be called.",
        "Remove the listener, or resume it when it is back.",
    ),
    "http_429": ("The receiver is called too often.", "Nothing: it is left alone for as long as it asks."),
    "http_5xx": ("The receiver failed over the request.", "Look at the receiver's log."),
    "timeout": ("The other side was silent for too long.", "Look whether it is overloaded."),
    "tls_error": ("The certificate or the encryption is not right.", "Look at the certificate."),
    "dns_error": ("The name leads to no address.", "Look at the spelling and at the DNS."),
    "connection_reset": ("The other side hung up, or does not listen.", "Look whether it runs."),
    "ssrf_blocked": ("The name leads to a private address.", "Name its network in WEBHOOK_ALLOW_NETWORKS."),
    "body_too_large": ("What was to be sent is too long.", "Send less of it."),
    "mail_deferred": ("The mail server wants it later.", "Nothing: it is tried again."),
    "recipient_refused": ("The mail server does not know the recipient.", "Look at the address."),
    "sender_refused": ("The mail server does not take mail from this sender.", "Look at NOTIFY_FROM."),
    "mail_refused": ("The mail server took offence at the message.", "Look at its reply and its log."),
    "login_refused": ("The user or the password is wrong.", "Look at SMTP_URL, or add the channel anew."),
    "server_refused": ("The mail server does not talk to us.", "Look whether it takes mail from here."),
    "service_refused": ("The token in the channel's URL is not good any more.", "Add the channel anew."),
    "service_unavailable": ("The chat service did not take it.", "Look at its status page."),
    "channel_not_found": ("The channel was removed, or never added.", "Add it, or tell somebody else."),
    "secret_unreadable": ("It was stored under another SECRET_KEY.", "Give back that one, or store it anew."),
    "secret_damaged": ("What is stored was changed.", "Store it anew."),
    # ENS
    "invalid_name": ("A name that is spelt wrongly may be somebody else's.", "Give it as ENS shows it."),
    "no_resolver": (
        "Without a resolver a name leads nowhere.",
        "Set the public resolver at app.ens.domains.",
    ),
    "resolver_no_contenthash": (
        "Its resolver is an old one, or made for something else.",
        "Set the public resolver at app.ens.domains.",
    ),
    "not_authorised": (
        "Only who manages a name may change it.",
        "Sign with that wallet, or approve the signer's address at app.ens.domains.",
    ),
    "name_expired": ("Names of .eth are paid for by the year.", "Renew it at app.ens.domains, soon."),
    "wrong_chain": (
        "What answers is not the chain on which the name is.",
        "Look at ENS_RPC and ENS_REGISTRY.",
    ),
    "rpc_unavailable": (
        "The chain's node is down, or asked too often.",
        "Nothing, if it comes back; else look at ENS_RPC.",
    ),
    "rpc_refused": ("The chain's node does not take our calls.", "Look at ENS_RPC and the key in it."),
    "ens_not_configured": ("No chain can be asked.", "Set ENS_RPC."),
    "signer_missing": ("Nobody here can sign.", "Set ENS_SIGNER_KEY, or link it with prepared_tx."),
    "not_settled": ("A chain may take back its newest blocks.", "Nothing: it is looked at again."),
    "reverted": (
        "The contract said no; the fee is spent.",
        "Look whether the signer may still change the name.",
    ),
    "insufficient_funds": ("Every change costs a fee.", "Send some ether to the signer's address."),
    "underpriced": (
        "Fees have risen above what it offers.",
        "Wait until they fall, or flask ens check NAME --raise-fees.",
    ),
    "pending_timeout": (
        "No block has taken it: the chain is busy, or the node tells nobody.",
        "Wait, or flask ens check NAME --raise-fees.",
    ),
    "nonce_gap": (
        "Transactions of one address are taken in their order.",
        "See what the signer's address has sent elsewhere.",
    ),
    "nonce_used": ("The key was used elsewhere meanwhile.", "Nothing: it is made anew."),
    # usage
    "quota_exceeded": ("More was used than is allowed.", "Raise the quota, or use less."),
}
_UNKNOWN = ("", "See its flow, and deploy or retry when it is mended.")


def advice(code: str) -> tuple[str, str]:
    """Why a failure of this code happens, and what to do next; of an unknown one only where to look."""
    return ADVICE.get(code, _UNKNOWN)
