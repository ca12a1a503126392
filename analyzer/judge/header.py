"""What the head of a report says of the machine: host, zone, VM, how long the process runs, kernel."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from analyzer.model.incident_facts import IncidentFacts

if TYPE_CHECKING:
    from analyzer.join.process import ProcessView
    from analyzer.model.finding import Finding
    from analyzer.model.incident import Incident
    from analyzer.waits.case import Case
    from parsers.records import ThreadDump

_STEP: Final = 15
"""Minutes: zones differ by a multiple of it."""
_SLACK: Final = timedelta(minutes=2)
"""How long a dump may take after its command began."""


def facts_of(case: Case, primary: Finding | None) -> IncidentFacts:
    """Name, hosts, span, and what manifests and dumps tell of the process of the verdict."""
    incident = case.incident
    dumps = [dump for snapshot in incident.snapshots for dump in snapshot.dumps]
    times = sorted(dump.time for dump in dumps if dump.time)
    zones = {_zone(incident, dump) for dump in dumps if dump.time}
    zone = zones.pop() if len(zones) == 1 else None
    offset = zone
    if not times:  # no dump tells one, but the shell may have
        times, offset = sorted(snapshot.time for snapshot in incident.snapshots if snapshot.time), _offset(_printed(incident) or "")
    first, last = (f"{time}{offset}" if offset and _is_naive(time) else time for time in (times[0], times[-1])) if times else (None, None)
    view = _subject(case, primary)
    heads = incident.collections
    kernels = {fact.kernel for snapshot in incident.snapshots for fact in snapshot.facts if fact.kernel} | {
        head.kernel for head in heads if head.kernel
    }
    versions = {view.dump.vm} if view is not None and view.dump is not None else {dump.vm for dump in dumps}
    uids = {head.uid for head in heads}
    vms = versions - {None} or {head.java for head in heads if head.java}
    return IncidentFacts(
        name=incident.name,
        hosts=incident.hosts,
        first=first,
        last=last,
        zone=zone or _printed(incident),
        vm=vms.pop() if len(vms) == 1 else None,
        uptime=max((thread.elapsed for thread in view.dump.threads if thread.elapsed is not None), default=None)
        if view is not None and view.dump is not None
        else None,
        kernel=kernels.pop() if len(kernels) == 1 else None,
        collected_by=uids.pop() if len(uids) == 1 else None,
    )


_GREENWICH: Final = frozenset({"UTC", "GMT"})
"""Names of zones that are no abbreviation of several."""


def _offset(zone: str) -> str | None:
    """The offset of a zone that ``date`` printed; None of an abbreviation that several zones have."""
    digits = zone.replace(":", "")
    return "+00:00" if zone in _GREENWICH else f"{digits[:3]}:{digits[3:] or '00'}" if zone[:1] in {"+", "-"} else None


def _subject(case: Case, primary: Finding | None) -> ProcessView | None:
    """The process of the verdict, else the only one that has a dump."""
    views = [view for view in case.latest if view.dump is not None]
    if primary is not None and primary.process is not None:
        return next((view for view in views if view.process == primary.process), None)
    return views[0] if len(views) == 1 else None


def _zone(incident: Incident, dump: ThreadDump) -> str | None:
    """The offset by which the dump's clock differs from the collector's, which is UTC; None where no manifest has the file."""
    if dump.time is None or not _is_naive(dump.time):
        return None
    for collection in incident.collected:
        if dump.where.file.endswith(f"/{collection.file}") and collection.where.file.rpartition("/")[0] == dump.where.file.removesuffix(
            f"/{collection.file}"
        ):
            ahead = datetime.fromisoformat(dump.time).replace(tzinfo=UTC) - datetime.fromisoformat(collection.began)
            steps = round(ahead / timedelta(minutes=_STEP))
            rest = ahead - steps * timedelta(minutes=_STEP)
            minutes = abs(steps * _STEP)
            sign = "-" if steps < 0 else "+"
            return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}" if abs(rest) <= _SLACK and minutes <= 14 * 60 else None
    return None


def _is_naive(time: str) -> bool:
    return datetime.fromisoformat(time).tzinfo is None


def _printed(incident: Incident) -> str | None:
    zones = {fact.zone for snapshot in incident.snapshots for fact in snapshot.facts if fact.zone}
    return zones.pop() if len(zones) == 1 else None
