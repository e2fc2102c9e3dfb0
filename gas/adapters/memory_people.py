"""People in memory: accounts, sessions, the audit trail, rate limits."""

import hashlib
import secrets
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from gas.adapters.memory_clock import MemoryClock
from gas.domain.account import Account, Tier
from gas.domain.audit import AuditEvent
from gas.domain.errors import NotFoundError
from gas.ports import OpenSession, Session


class MemoryAccounts:
    """Accounts in a dict."""

    def __init__(self, clock: MemoryClock, sessions: "MemorySessions | None" = None) -> None:
        self._clock = clock
        self._sessions = sessions
        self.rows: dict[str, Account] = {}

    def get(self, user_id: str) -> Account:
        try:
            return self.rows[user_id]
        except KeyError:
            raise NotFoundError("no such account") from None

    def save_login(self, user_id: str, *, name: str, email: str, institution: str) -> Account:
        known = self.rows.get(user_id)
        if known is None:
            known = Account(
                user_id=user_id,
                name=name,
                email=email,
                tier=Tier.FREE,
                created_at=self._clock.now(),
            )
        bounced_at = known.email_bounced_at if known.email == email else None
        self.rows[user_id] = replace(
            known,
            name=name,
            email=email,
            institution=institution,
            email_bounced_at=bounced_at,
            logged_in_at=self._clock.now(),
        )
        return self.rows[user_id]

    def set_tier(self, user_id: str, tier: Tier) -> Account:
        account, now = self.get(user_id), self._clock.now()
        if account.tier is not tier:
            downgraded_at = now if tier is Tier.FREE else account.downgraded_at
            self.rows[user_id] = replace(
                account, tier=tier, downgraded_at=downgraded_at, plan_changed_at=now
            )
        return self.rows[user_id]

    def settle_plan(self, account: Account) -> None:
        known = self.rows.get(account.user_id)
        if known is not None and known.plan_changed_at == account.plan_changed_at:
            self.rows[account.user_id] = replace(known, plan_changed_at=None)

    def unsettled(self, before: datetime) -> Sequence[Account]:
        return [
            account
            for account in self.rows.values()
            if account.plan_changed_at is not None and account.plan_changed_at < before
        ]

    def note_bounce(self, email: str) -> None:
        for account in list(self.rows.values()):
            if account.email == email:
                moved = replace(account, email_bounced_at=self._clock.now())
                self.rows[account.user_id] = moved

    def consent(self, user_id: str, terms_version: str) -> Account:
        account = self.get(user_id)
        self.rows[user_id] = replace(
            account, terms_version=terms_version, consented_at=self._clock.now()
        )
        return self.rows[user_id]

    def start_erasing(self, user_id: str) -> Account:
        account = self.get(user_id)
        moment = account.erasing_at or self._clock.now()
        self.rows[user_id] = replace(account, erasing_at=moment)
        return self.rows[user_id]

    def erasing(self) -> Sequence[Account]:
        found = [account for account in self.rows.values() if account.erasing_at is not None]
        return sorted(found, key=lambda account: account.erasing_at or account.created_at)

    def unused(self, since: datetime) -> Sequence[Account]:
        return [
            account
            for account in self.rows.values()
            if account.erasing_at is None and (account.logged_in_at or account.created_at) < since
        ]

    def delete(self, user_id: str) -> None:
        self.rows.pop(user_id, None)
        if self._sessions is not None:
            self._sessions.forget(user_id)

    def count(self) -> Mapping[Tier, int]:
        tiers = Counter(account.tier for account in self.rows.values())
        return {tier: tiers[tier] for tier in Tier}


class MemorySessions:
    """Sessions in a dict."""

    def __init__(
        self,
        clock: MemoryClock,
        *,
        idle: timedelta = timedelta(hours=12),
        age: timedelta = timedelta(days=7),
    ) -> None:
        self._clock = clock
        self._idle = idle
        self._age = age
        self.rows: dict[str, Session] = {}
        self._clients: dict[str, str] = {}

    def start(self, user_id: str, tokens: Mapping[str, str], *, client: str = "") -> Session:
        now = self._clock.now()
        session = Session(
            session_id=secrets.token_urlsafe(32),
            user_id=user_id,
            created_at=now,
            seen_at=now,
            tokens=dict(tokens),
        )
        self.rows[session.session_id] = session
        self._clients[session.session_id] = client
        return session

    def get(self, session_id: str) -> Session:
        session, now = self.rows.get(session_id), self._clock.now()
        if (
            session is None
            or now - session.seen_at > self._idle
            or now - session.created_at > self._age
        ):
            raise NotFoundError("no such session")
        self.rows[session_id] = replace(session, seen_at=now)
        return self.rows[session_id]

    def end(self, session_id: str) -> None:
        self.rows.pop(session_id, None)

    def handle_of(self, session_id: str) -> str:
        return hashlib.sha256(session_id.encode()).hexdigest()

    def of_user(self, user_id: str) -> Sequence[OpenSession]:
        now = self._clock.now()
        live = [
            session
            for session in self.rows.values()
            if session.user_id == user_id
            and now - session.seen_at <= self._idle
            and now - session.created_at <= self._age
        ]
        return [
            OpenSession(
                handle=self.handle_of(session.session_id),
                created_at=session.created_at,
                seen_at=session.seen_at,
                client=self._clients[session.session_id],
                tokens=session.tokens,
            )
            for session in sorted(live, key=lambda session: session.seen_at, reverse=True)
        ]

    def revoke(self, user_id: str, handle: str) -> None:
        for session in list(self.rows.values()):
            if session.user_id == user_id and self.handle_of(session.session_id) == handle:
                self.end(session.session_id)
                return
        raise NotFoundError("no such session")

    def forget(self, user_id: str) -> None:
        """What the database does when the account goes."""
        for session in list(self.rows.values()):
            if session.user_id == user_id:
                self.end(session.session_id)


class MemoryAuditTrail:
    """The audit trail in a list."""

    def __init__(self) -> None:
        self.rows: list[AuditEvent] = []

    def add(self, event: AuditEvent) -> None:
        self.rows.append(event)

    def of_user(self, user_id: str, *, limit: int) -> Sequence[AuditEvent]:
        return [event for event in reversed(self.rows) if event.user_id == user_id][:limit]

    def forget(self, before: datetime) -> int:
        kept = [event for event in self.rows if event.at >= before]
        gone = len(self.rows) - len(kept)
        self.rows = kept
        return gone


class MemoryLimits:
    """Allowances in a dict."""

    def __init__(self, clock: MemoryClock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.rows: dict[str, datetime] = {}

    def take(self, key: str, *, most: int, per: timedelta) -> timedelta | None:
        with self._lock:
            now, step = self._clock.now(), per / most
            full_until = max(self.rows.get(key, now), now)
            room = now + per - step / 2
            if full_until > room:
                return full_until - room
            self.rows[key] = full_until + step
            return None

    def tidy(self) -> None:
        now = self._clock.now()
        self.rows = {key: until for key, until in self.rows.items() if until >= now}
