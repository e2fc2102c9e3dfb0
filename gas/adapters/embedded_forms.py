"""What lets a browser in: signed forms to upload one object, signed links to download one.

Both expire, and both are bound to one bucket and one exact key.  A form works like a POST policy of
S3: the policy says what every field must be, and the signature covers the policy.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from gas.adapters.embedded_db import micros, moment
from gas.adapters.embedded_signing import Signer, pack, unpack
from gas.domain.errors import ForbiddenError
from gas.ports import Clock, UploadForm

UNSIGNED_FIELDS = frozenset({"policy", "signature"})
GET_A_NEW_FORM = "Open the upload page again to get a new form."
GET_A_NEW_LINK = "Open the page of the job again to get a new link."


@dataclass(frozen=True, kw_only=True)
class Permit:
    """What a signed form allows: 1..max_bytes bytes, as this one object."""

    key: str
    content_type: str
    max_bytes: int
    redirect_to: str | None


class Forms:
    """Issues upload forms and download links, and recognises them again."""

    def __init__(self, *, secret_key: str, store_url: str, clock: Clock) -> None:
        self._form_signer = Signer(secret_key, "store-form")
        self._link_signer = Signer(secret_key, "store-link")
        self._store_url = store_url.rstrip("/")
        self._clock = clock

    def form(self, bucket: str, permit: Permit, expires_in: timedelta) -> UploadForm:
        """A form that allows exactly that."""
        fields = {"key": permit.key, "Content-Type": permit.content_type}
        if permit.redirect_to is not None:
            fields["success_action_redirect"] = permit.redirect_to
        policy = pack(
            json.dumps(
                {
                    "bucket": bucket,
                    "expires": micros(self._clock.now() + expires_in),
                    "fields": fields,
                    "max_bytes": permit.max_bytes,
                },
            ).encode(),
        )
        signed = {**fields, "policy": policy, "signature": self._form_signer.sign(policy)}
        return UploadForm(url=f"{self._store_url}/{bucket}", fields=signed)

    def check_form(self, bucket: str, fields: Mapping[str, str]) -> Permit:
        """What the fields of a form allow; raises ForbiddenError unless every one is as issued."""
        policy = fields.get("policy", "")
        if not self._form_signer.is_ours(policy, fields.get("signature", "")):
            raise ForbiddenError("bad-signature", "The form was not issued here.", GET_A_NEW_FORM)
        allowed = json.loads(unpack(policy))
        if self._has_passed(moment(allowed["expires"])):
            raise ForbiddenError("expired", "The form has expired.", GET_A_NEW_FORM)
        given = {name: text for name, text in fields.items() if name not in UNSIGNED_FIELDS}
        if allowed["bucket"] != bucket or allowed["fields"] != given:
            raise ForbiddenError(
                "policy", "The form was changed after it was issued.", GET_A_NEW_FORM
            )
        return Permit(
            key=given["key"],
            content_type=given["Content-Type"],
            max_bytes=allowed["max_bytes"],
            redirect_to=given.get("success_action_redirect"),
        )

    def link(self, bucket: str, key: str, *, file_name: str, expires_in: timedelta) -> str:
        """An address that downloads the object under that name."""
        expires = str(micros(self._clock.now() + expires_in))
        signature = self._link_signer.sign(json.dumps([bucket, key, file_name, expires]))
        query = urlencode({"name": file_name, "expires": expires, "signature": signature})
        return f"{self._store_url}/{bucket}/{quote(key, safe='/~')}?{query}"

    def check_link(self, bucket: str, key: str, query: Mapping[str, str]) -> str:
        """The file name a link gives its download; raises ForbiddenError."""
        name, expires = query.get("name", ""), query.get("expires", "")
        signed = json.dumps([bucket, key, name, expires])
        if not self._link_signer.is_ours(signed, query.get("signature", "")):
            raise ForbiddenError("bad-signature", "The link was not issued here.", GET_A_NEW_LINK)
        if self._has_passed(moment(int(expires))):
            raise ForbiddenError("expired", "The link has expired.", GET_A_NEW_LINK)
        return name

    def _has_passed(self, expires_at: datetime) -> bool:
        return self._clock.now() >= expires_at
