"""Payment providers.  The simulated one takes no money, and says so."""

from gas.domain.account import Account


class SimulatedPayments:
    """Every subscription is granted at once; nobody is asked for a card."""

    is_simulated = True

    def subscribe(self, account: Account, return_to: str) -> str | None:  # noqa: ARG002 - the port
        return None

    def cancel(self, account: Account) -> None:
        """Nothing was begun that would have to end."""
