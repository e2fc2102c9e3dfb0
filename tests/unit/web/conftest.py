import pytest

from tests.unit.web.site import Site, Visitor


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def ada(site: Site) -> Visitor:
    return site.signed_in("ada")


@pytest.fixture
def bob(site: Site) -> Visitor:
    return site.signed_in("bob")
