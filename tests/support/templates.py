"""CloudFormation templates as plain Python, and their intrinsic functions worked out."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
STACKS = ROOT / "aws" / "stacks"

Tree = Any
"""What YAML holds: dicts, lists, words, numbers."""


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags."""


def _tagged(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Tree:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Tree = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = str(value).split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {name: value}


_Loader.add_multi_constructor("!", _tagged)  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Stack:
    """One template."""

    name: str
    tree: Mapping[str, Tree]

    @property
    def resources(self) -> Mapping[str, Mapping[str, Tree]]:
        resources: Mapping[str, Mapping[str, Tree]] = self.tree["Resources"]
        return resources

    def of_type(self, kind: str) -> dict[str, Mapping[str, Tree]]:
        """The properties of every resource of that type, by logical name."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.resources.items()
            if resource["Type"] == kind
        }


@cache
def stacks() -> tuple[Stack, ...]:
    """Every template under aws/stacks."""
    return tuple(Stack(path.stem, load(path)) for path in sorted(STACKS.glob("*.yaml")))


def stack(name: str) -> Stack:
    """The template of that name."""
    return next(found for found in stacks() if found.name == name)


def load(path: Path) -> dict[str, Tree]:
    """One template, its short tags written out."""
    tree: dict[str, Tree] = yaml.load(path.read_text(), Loader=_Loader)  # noqa: S506 - a SafeLoader
    return tree


def walk(tree: Tree, path: str = "") -> Iterator[tuple[str, Tree]]:
    """Every node below, with its path."""
    yield path, tree
    children: Iterator[tuple[object, Tree]] = iter(())
    if isinstance(tree, dict):
        children = iter(tree.items())
    elif isinstance(tree, list):
        children = iter(enumerate(tree))
    for key, value in children:
        yield from walk(value, f"{path}/{key}")


@dataclass(frozen=True)
class Resolver:
    """Turns intrinsic functions into values: parameters, pseudo parameters, mappings, imports."""

    stack: Stack
    values: Mapping[str, str]
    """By name: parameters, pseudo parameters such as AWS::Region, exports, and whatever else a
    reference may name; parameters with a default may be left out."""

    def __call__(self, tree: Tree) -> Tree:
        if isinstance(tree, list):
            kept = [self(part) for part in tree]
            return [part for part in kept if part is not _NOTHING]
        if not isinstance(tree, dict):
            return tree
        if len(tree) == 1:
            ((name, value),) = tree.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._function(name, value)
        kept_items = {key: self(value) for key, value in tree.items()}
        return {key: value for key, value in kept_items.items() if value is not _NOTHING}

    def condition(self, name: str) -> bool:
        """Whether a condition of the template holds."""
        return bool(self._test(self.stack.tree["Conditions"][name]))

    def _test(self, tree: Tree) -> bool:
        ((name, value),) = tree.items()
        if name == "Fn::Equals":
            return bool(self(value[0]) == self(value[1]))
        if name == "Fn::Not":
            return not self._test(value[0])
        if name == "Fn::And":
            return all(self._test(part) for part in value)
        if name == "Fn::Or":
            return any(self._test(part) for part in value)
        assert name == "Condition", name
        return self.condition(value)

    def _function(self, name: str, value: Tree) -> Tree:
        functions: dict[str, Callable[[Tree], Tree]] = {
            "Ref": lambda ref: _NOTHING if ref == "AWS::NoValue" else self._named(ref),
            "Fn::Sub": self._sub,
            "Fn::GetAtt": lambda path: self._named(".".join(path)),
            "Fn::ImportValue": lambda export: self._named(self(export)),
            "Fn::FindInMap": self._in_map,
            "Fn::If": lambda parts: self(parts[1] if self.condition(parts[0]) else parts[2]),
            "Fn::Join": lambda parts: self(parts[0]).join(str(part) for part in self(parts[1])),
            "Fn::Select": self._select,
            "Fn::GetAZs": lambda _: [f"{self._named('AWS::Region')}{zone}" for zone in "abc"],
            "Fn::Base64": self,
        }
        return functions[name](value)

    def _in_map(self, value: Tree) -> Tree:
        first, second, third = (self(part) for part in value)
        return self(self.stack.tree["Mappings"][first][second][third])

    def _select(self, value: Tree) -> Tree:
        choice = self(value[1])
        parts = choice.split(",") if isinstance(choice, str) else choice
        return parts[int(value[0])]

    def _sub(self, value: Tree) -> str:
        text, local = (value, {}) if isinstance(value, str) else value
        known = {key: str(self(part)) for key, part in local.items()}

        def named(found: re.Match[str]) -> str:
            name = found[1]
            return "${" + name[1:] + "}" if name.startswith("!") else self._text(name, known)

        return re.sub(r"\$\{([^}]+)\}", named, text)

    def _text(self, name: str, known: Mapping[str, str]) -> str:
        return known[name] if name in known else str(self._named(name))

    def _named(self, name: str) -> Tree:
        if name in self.values:
            return self.values[name]
        parameter = self.stack.tree.get("Parameters", {}).get(name)
        if parameter is None or "Default" not in parameter:
            raise KeyError(f"{self.stack.name}: nothing says what {name} is")
        return parameter["Default"]


_NOTHING = object()
