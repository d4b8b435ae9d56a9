"""Run by two processes: a trainee in shards (FSDP2 over gloo) against the same one whole; no test by itself."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch.distributed.fsdp import fully_shard

from umi_cloud.glpft import read_recipe
from umi_cloud.glpft.base_model import load_trainee
from umi_cloud.glpft.forward_pass import target_losses
from umi_cloud.glpft.row_batch import RowBatch
from umi_cloud.glpft.token_row import TokenRow


def main(recipe: Path) -> None:
    torch.distributed.init_process_group("gloo")
    settings = replace(read_recipe(recipe), recompute=True)
    batch = RowBatch(tuple(TokenRow(tokens=range(3, 3 + n), prompt_length=n - 4, role="x") for n in (9, 12)))
    found = []
    for shards in (False, True):
        model = load_trainee(Path(settings.base), settings, None, sharded=shards).model
        if shards:
            for name, module in list(model.named_modules()):
                if name.rpartition(".")[0].endswith("layers"):
                    fully_shard(module)
            fully_shard(model)
        losses = target_losses(model, batch)
        losses.sum().backward()
        norms = [p.grad.full_tensor() if shards else p.grad for p in model.parameters() if p.requires_grad]
        found.append((losses.detach(), sum(float(g.norm()) for g in norms)))
    torch.testing.assert_close(found[0][0], found[1][0])
    assert abs(found[0][1] - found[1][1]) < 1e-3 * found[0][1], found
    # gloo's threads may outlive the group on one side and abort the process while it is taken down ("terminate called
    # without an active exception"): what is compared is compared by now, so both leave without taking anything down.
    torch.distributed.barrier()
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
