"""Every failure the service raises on purpose.  The family decides what happens to the message.

TemporaryError: trying again later may work, the message goes back to its queue.
PermanentError: trying again can never work, the failure is recorded and the message is done.
Anything else is a bug: the process stops, its supervisor starts it again, and a message that
keeps doing so ends in the dead-letter queue.
"""

from datetime import timedelta


class GasError(Exception):
    """Base of every error the service raises on purpose."""


class TemporaryError(GasError):
    """Trying again later may work: leave the message on its queue.

    `retry_after` says when trying again makes sense, where that is known.
    """

    def __init__(self, message: str = "", *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PermanentError(GasError):
    """Trying again can never work: record the failure and drop the message."""


class OutageError(TemporaryError):
    """A store or a queue cannot be reached: stop taking work until it can."""


class BusyJobError(TemporaryError):
    """Another worker holds the job and its lease has not run out."""


class TooEarlyError(TemporaryError):
    """What the message asks for is to be done later."""


class CapacityError(TemporaryError):
    """The archive has no room for an expedited retrieval now: a slower one is to be had."""


class StaleJobError(TemporaryError):
    """The job changed between being read and being written: read it again."""


class LostLeaseError(TemporaryError):
    """The run in hand no longer owns its job: stop, and throw its output away."""


class IllegalMoveError(PermanentError):
    """A job was asked to make a move its state machine does not have."""


class NotFoundError(PermanentError):
    """What was asked for is not there (or is not the asker's, which must look the same)."""


class JobNotFoundError(NotFoundError):
    """No such job."""


class ObjectNotFoundError(NotFoundError):
    """No such object in the store."""


class ObjectChangedError(PermanentError):
    """The object is not the one that was frozen at submit."""


class AlreadyExistsError(PermanentError):
    """The record to be added is there already."""


class MalformedMessageError(PermanentError):
    """A message that no version of this service wrote."""


class NewerMessageError(TemporaryError):
    """A message from a newer version of this service: leave it to a newer worker."""


class ConfigurationError(GasError):
    """A setting is missing or wrong: the process must not start."""


class RefusedError(PermanentError):
    """A request that is understood and turned down, with what the user can do about it.

    `code` is a stable kebab-case word; `message` says what and where; `hint` what to do next.
    """

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class TooLargeError(RefusedError):
    """The input is larger than the owner's plan allows."""


class QuotaError(RefusedError):
    """The owner has as much of something as one person may have at a time."""


class ForbiddenError(RefusedError):
    """The owner's plan, or the state of the result, does not allow it."""
