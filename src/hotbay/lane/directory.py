"""Where requests for a name go, as one configuration says (spec/request-pipeline.md 3).

Owns what is made of models and peers once, so that no request has to: compiled filters,
peers' addresses and keys, the rules of the pass-throughs.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from hotbay.config.model import Config, PeerConfig
from hotbay.lane.filters import BodyFilter, compile_model_filter, compile_peer_filter
from hotbay.lane.forwarding import peer_request_head, request_head
from hotbay.lane.head import Head
from hotbay.lane.passthrough import Passthroughs
from hotbay.lane.peers import peer_endpoint
from hotbay.runtime.endpoint import Endpoint

NO_FILTER = BodyFilter()


@dataclass(frozen=True, slots=True)
class Peer:
    """A remote server.

    Attributes:
        id: as configured.
        endpoint: where it is; None if its URL is none that can be forwarded to.
        problem: why not, for people.
        api_key: sent to it; empty: the client's credentials are.
        body_filter: for bodies that go to it.
    """

    id: str
    endpoint: Endpoint | None
    problem: str
    api_key: bytes
    body_filter: BodyFilter


@dataclass(frozen=True, slots=True)
class Destination:
    """What a name means.

    Attributes:
        name: as it was looked up; an alias may have settings of its own.
        model: ID of the local model; of a peer's model, the name as it was looked up.
        peer: who has the model, None if it is a local one.
        written: what has to stand in the request instead of `name`: the peer's own name for
            the model. Empty if that is `name`.
        body_filter: for its body.
    """

    name: str
    model: str
    peer: Peer | None
    written: str
    body_filter: BodyFilter


class Directory:
    """The models and peers of one configuration."""

    def __init__(self, config: Config) -> None:
        """Prepare everything."""
        self.passthroughs = Passthroughs(config)
        self.own_keys = frozenset(key.encode() for key in config.api_keys)
        self._names = config.names
        self._filters = {m.id: compile_model_filter(m) for m in config.models.values()}
        self._peers = {peer_id: _peer(peer_id, peer) for peer_id, peer in config.peers.items()}
        self._found: dict[str, Destination] = {}

    def find(self, name: str) -> Destination | None:
        """Return where requests for a name go; None: nobody has it."""
        found = self._found.get(name)
        if found is None:
            found = self._look_up(name)
            if found is not None:  # unknown names are the client's invention, and endless
                self._found[name] = found
        return found

    def peer(self, peer_id: str) -> Peer:
        """Return a configured peer."""
        return self._peers[peer_id]

    def _look_up(self, name: str) -> Destination | None:
        model = self._names.local(name)
        if model is not None:
            return Destination(name, model, None, "", self._filters[model])
        offered = self._names.peer(name)
        if offered is None:
            return None
        peer, own_name = self._peers[offered[0]], offered[1]
        return Destination(name, name, peer, own_name if own_name != name else "", peer.body_filter)


def _peer(peer_id: str, config: PeerConfig) -> Peer:
    endpoint, problem = None, ""
    try:
        endpoint = peer_endpoint(peer_id, config)
    except ValueError as error:  # llama-swap, too, finds that out when it is used
        problem = str(error)
    return Peer(peer_id, endpoint, problem, config.api_key.encode(), compile_peer_filter(config))


def upstream_head(
    head: Head,
    path: bytes,
    endpoint: Endpoint,
    destination: Destination | None,
    *,
    client: str,
    own_keys: Collection[bytes],
    length: int | None,
    recorded: bool,
    upgrade: bool,
    extra: Sequence[tuple[bytes, bytes]],
) -> bytes:
    """Return the head that goes to a destination: a model server's, or a peer's (5.1 and 5.2).

    `client` is the address of the client's end; for the rest see `request_head`.
    """
    path = endpoint.base_path.encode() + path
    authority = endpoint.authority.encode()
    peer = None if destination is None else destination.peer
    if peer is None:
        return request_head(
            head,
            path,
            authority=authority,
            peer=client.encode(),
            length=length,
            recorded=recorded,
            upgrade=upgrade,
            extra=extra,
        )
    return peer_request_head(
        head,
        path,
        authority=authority,
        length=length,
        recorded=recorded,
        api_key=peer.api_key,
        own_keys=own_keys,
        upgrade=upgrade,
        extra=extra,
    )
