"""The network as torch runs it, for another device than the processor; Lstm and Heads do the same in numpy."""

from __future__ import annotations

import torch

from models.behaviour.lstm import Encoded, Floats
from models.behaviour.network import BehaviourNetwork, Inputs, Memory
from models.behaviour.schedule import schedule
from models.behaviour.tokens import Tokens


class OnDevice:
    """A network on its device; arrays come from the processor's memory and go back there."""

    def __init__(self, network: BehaviourNetwork, device: torch.device) -> None:
        self._network, self._device = network, device

    @torch.inference_mode()
    def encode(self, tokens: Tokens, h: Floats, c: Floats) -> Encoded:
        """As Lstm."""
        steps = schedule(tokens.user)
        state = [torch.from_numpy(each[steps.users]).to(self._device)[None] for each in (h, c)]
        at_token, (h_end, c_end) = self._network.encode(
            Inputs(
                *(
                    torch.from_numpy(column[steps.order]).to(self._device)
                    for column in (tokens.category, tokens.product, tokens.numeric())
                )
            ),
            torch.from_numpy(steps.widths),
            (state[0], state[1]),
        )
        return Encoded(
            at_token.cpu().numpy()[steps.place()], steps.users.tolist(), h_end[0].cpu().numpy(), c_end[0].cpu().numpy()
        )

    @torch.inference_mode()
    def score(self, h: Floats, memory: Memory) -> tuple[Floats, Floats]:
        """(m, hidden), memory -> as Heads."""
        here = Memory(*(column.to(self._device) for column in memory))
        state = torch.from_numpy(h).to(self._device)
        logits = self._network.logits(state, here) / self._network.get_buffer("temperature")
        chances = torch.softmax(logits, dim=1)
        chances[:, :-1].masked_fill_(here.basket, 0.0)
        chances[:, -1] = 0
        return chances.cpu().numpy(), self._network.calibrated_week(state, here).cpu().numpy()
