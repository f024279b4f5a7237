"""The boxes on several processes: each has a share of the rows, all have the result of one.

python examples/several_processes.py
torchrun --nproc-per-node 2 examples/several_processes.py
accelerate launch --cpu --num-processes 2 examples/several_processes.py
"""

import os

import torch
from torch import distributed, nn
from torch.nn import functional

from fairfactor import confusion_counts
from fairfactor.distributed import Processes
from fairfactor.fairness import accuracy, equalized_odds_difference
from fairfactor.mitigation.rates import rate_family
from fairfactor.mitigation.running_gap_penalty import RunningGapPenalty
from fairfactor.rank import RankFraction
from fairfactor.weighting import Neutralized
from fairfactor.whole_model import factorize_model

if "RANK" in os.environ:  # a launcher has started several
    distributed.init_process_group("gloo")  # "nccl" on GPUs
processes = Processes.started()

# Rows with a biased label; every process takes its own, the last batches may be uneven.
torch.manual_seed(0)
groups = torch.randint(2, (4001,))
inputs = torch.randn(4001, 12, dtype=torch.float64) + 0.3 * groups[:, None]
labels = (inputs[:, :3].sum(dim=1) + groups + torch.randn(4001) > 1).long()
rows = torch.arange(processes.rank, 4001, processes.number)
batches = [(inputs[part], labels[part], groups[part]) for part in rows.split(500)]

# Boxes 1 to 4: sums over rows are added up, different layers are factorised at the same time.
model = nn.Sequential(
    nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2)
).double()
factorize_model(
    model.eval(),
    batches,
    weighting=Neutralized(),
    rank=RankFraction(0.25),
    layers="2",
    processes=processes,
)

# Box 5: your own loop. The penalty is of the rates of all rows, wherever they are.
penalty = RunningGapPenalty(rate_family("equalized_odds", 2), 2, processes=processes)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
own_inputs, own_labels, own_groups = inputs[rows], labels[rows], groups[rows]
for _ in range(100):
    optimizer.zero_grad()
    logits = model(own_inputs)
    gap = penalty(logits.softmax(dim=1), own_labels, own_groups)
    # A mean over all rows: processes with more of them weigh more.
    share = processes.number * len(rows) / len(labels)
    (share * functional.cross_entropy(logits, own_labels) + 5 * gap).backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    processes.sum(gradients)  # what DistributedDataParallel does for a large model
    for gradient in gradients:
        gradient /= processes.number
    optimizer.step()

# The report: counts are added up.
with torch.no_grad():
    predicted = model(own_inputs).argmax(dim=1)
counts = confusion_counts(
    own_labels, predicted, own_groups.numpy(), n_classes=2, processes=processes
)
if processes.rank == 0:
    print(f"accuracy {float(accuracy(counts)):.4f} on {counts.sizes.sum()} rows")
    print(f"equalized odds difference {float(equalized_odds_difference(counts)):.4f}")
if distributed.is_initialized():
    distributed.destroy_process_group()
