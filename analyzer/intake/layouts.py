"""What support bundles are laid out like: which of their folders are hosts, and which of their files are an inventory of the system.

    sosreport-web01-2026-11-28-qwertyu/sos_commands/networking/ss_-peaonmi
    nodes/slave/builder-03/thread-dump.txt                                   Jenkins' support core
    namespaces/shop/pods/cart-7d9f8b6c5-x2x4z/cart/cart/logs/current.log     must-gather
    cart-7d9f8b6c5-x2x4z/tmp/jstack.txt                                      kubectl cp, docker's containers/ID/ID-json.log
    shop/cart-7d9f8b6c5-x2x4z/logs.txt                                       kubectl cluster-info dump
    pods/shop_cart-7d9f8b6c5-x2x4z_4f1c…/cart/0.log                          the kubelet's folder

An inventory says much of a system and nothing of its threads and connections. It is listed and counted, but neither held against the verdict nor
called not understood. Logs, stacks and whatever a format knows are read wherever they lie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.text.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

INVENTORY: Final = "inventory"
"""What the report calls a file that was not looked into."""
_SOS: Final = lazy(r"(?:.*/)?sosreport-[^/]*/(?=.)")
_SOS_FOLDER: Final = lazy(r"(?P<root>(?:.*?/)??)(?:sos_commands|sos_reports)/")
_SOS_SKIPPED: Final = lazy(
    r"(?:sys|boot|lib|lib64|usr|dev|opt/rh|sos_logs|sos_reports|sos_strings)/|etc/(?!hostname$)"
    r"|proc/(?!\d+/(?!net/)|(?:\d+/|self/)?net/(?:tcp6?|netstat|snmp6?|sockstat6?)$)"
    r"|sos_commands/(?:abrt|acpid|alternatives|anaconda|apparmor|apt|ata|auditd|block|boot|btrfs|cgroups|cron|crypto|cups|devicemapper|devices|dnf|dpkg|dracut"
    r"|filesys|firewall_tables|firewalld|fwupd|grub2|hardware|i18n|ipmitool|iscsi|kdump|kernelrt|keyutils|ldap|libraries|login|logrotate|lvm2|md|mpt"
    r"|multipath|nfs|nis|numa|nvme|openssl|pam|pci|perl|powerpc|processor|python|release|ruby|rpm|sar|scsi|selinux|services|snap|storcli|stratis|subscription_manager"
    r"|sunrpc|tuned|udev|unpackaged|usb|vdo|x11|xfs|yum)/"
)
_OF_INTERFACE: Final = lazy(r"(?:.*/)?dev_snmp6/[^/]+")
_LETTERS: Final = "[bcdfghjklmnpqrstvwxz2456789]"
_HOST: Final = (
    lazy(r"(?:.*/)?nodes/(?P<host>master|controller|built-in)/"),
    lazy(r"(?:.*/)?nodes/(?:slave|agent)s?/(?P<host>[^/]+)/"),
    lazy(r"(?:.*/)?namespaces/[^/]+/(?:core/)?pods/(?P<host>[^/]+)/"),
    lazy(r"(?:.*/)?pods/[a-z0-9.-]+_(?P<host>[a-z0-9.-]+)_[0-9a-f-]{32,36}/"),
    lazy(r"(?:.*/)?containers/(?P<host>[a-z0-9.-]+)_[a-z0-9-]+_[a-z0-9.-]+-[0-9a-f]{64}\.log$"),
    lazy(r"(?:.*/)?pods/(?P<host>[^/_]+)/"),
    lazy(r"(?:.*/)?containers/(?P<host>[0-9a-f]{12})[0-9a-f]{52}/"),
    # The names that a deployment gives its pods: two parts at the end of the letters that Kubernetes takes for them, which make no words.
    lazy(rf"(?:.*/)?(?P<host>[a-z0-9][a-z0-9-]{{0,200}}-(?=\d{{0,9}}[a-z]){_LETTERS}{{6,10}}-{_LETTERS}{{5}})(?=[/._-])"),
)
_POD_LOG: Final = lazy(r"(?P<folder>(?:.*/)?[^/]+)/(?P<host>[^/]+)/logs(?:-[^/]+)?\.txt")
_RUNS: Final = lazy(r"(?P<folder>(?:.*/)?logs/)(?P<run>previous|current)\.log")
_MARKS: Final = (
    _SOS_FOLDER,
    lazy(r"(?P<root>(?:.*/)?)nodes/(?:master|controller|built-in|slave/[^/]+|agents?/[^/]+)/thread-dump\.txt"),
    lazy(r"(?P<root>(?:.*/)?)(?:nodes_hot_threads\.txt|diagnostic_manifest\.json|nodes_stats\.json)"),
    lazy(r"(?P<root>(?:.*?/)??)(?:namespaces/[^/]+/(?:core/)?pods|cluster-scoped-resources)/"),
    lazy(r"(?P<root>(?:.*/)?)event-filter\.html$"),  # beside the folder of must-gather's image
    lazy(r"(?P<root>(?:.*/)?)(?:application-properties|application-config|application-logs|tomcat-config)/"),
    lazy(r"(?P<root>(?:.*/)?)(?:topdashH(?:\.\d+)?\.out|yc-360[^/]*/)"),
)
"""What only a bundle has; all that lies below its root is of it."""


def sos_root_of(files: Iterable[str]) -> str | None:
    """The folder of a sosreport that was given unpacked, by another name than sos gave it."""
    return next((match["root"] for file in files if (match := _SOS_FOLDER.match(file))), None)


def is_skipped(file: str, sos_root: str | None = None) -> bool:
    """True for a file whose place tells that it is an inventory: nobody needs to look into it."""
    if _OF_INTERFACE.match(file):  # named as the host's counters are, but of one network card
        return True
    match = _SOS.match(file)
    begin = match.end() if match else len(sos_root) if sos_root is not None and file.startswith(sos_root) else None
    return begin is not None and _SOS_SKIPPED.match(file, begin) is not None


def roots_of(files: Collection[str]) -> tuple[str, ...]:
    """The folders below which everything is of a bundle, each with a slash at its end; empty for the incident's own folder."""
    return tuple(dict.fromkeys(match["root"] for file in files for mark in _MARKS if (match := mark.match(file))))


def hosts_of(files: Collection[str], named: Mapping[str, str]) -> dict[str, str]:
    """File → host, as far as the layout of a bundle tells; empty if it tells of one alone, and other files lie beside.

    ``named``: file → the host that its content names.
    """
    found = _pods_of_dump(files)
    for file in files:
        host = next((match["host"] for pattern in _HOST if (match := pattern.match(file))), None)
        if host is not None:
            found[file] = host
    if not found:
        roots = dict.fromkeys(match["root"] for file in files if (match := _SOS_FOLDER.match(file)))
        for root in roots if len(roots) > 1 else ():
            inside = [file for file in files if file.startswith(root)]
            names = [named[file] for file in inside if file in named]
            found.update(dict.fromkeys(inside, min(names, key=len) if names else root.rstrip("/").rpartition("/")[2]))
    return found if len(set(found.values())) > 1 or len(found) == len(files) else {}


def _pods_of_dump(files: Collection[str]) -> dict[str, str]:
    """Pods of ``kubectl cluster-info dump``: beside their folders lies the list of them."""
    lists = {file.removesuffix("/pods.json").removesuffix("/pods.yaml") for file in files if file.endswith(("/pods.json", "/pods.yaml"))}
    matches = ((file, _POD_LOG.fullmatch(file)) for file in files)
    return {file: match["host"] for file, match in matches if match is not None and match["folder"] in lists}


def numbered(file: str) -> str:
    """The name of a container's log with a number: the one before the last restart comes first."""
    match = _RUNS.fullmatch(file)
    return f"{match['folder']}run-{int(match['run'] == 'current')}.log" if match else file


def is_of_sos(file: str, roots: Collection[str]) -> bool:
    """True for what sos itself saved, all within a minute. Logs that it copied have dumps of other moments."""
    inside = next((file[len(root) :] for root in roots if file.startswith(root)), None)
    return inside is not None and not inside.startswith("var/")


def sos_roots(files: Collection[str]) -> tuple[str, ...]:
    """The folders of sosreports."""
    return tuple(dict.fromkeys(match["root"] for file in files if (match := _SOS_FOLDER.match(file))))
