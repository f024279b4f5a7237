"""Group losses and running rates by plain loops."""

from __future__ import annotations

import math


def group_means(losses, codes, parts):
    """Mean loss of every part, None for one without rows."""
    means = []
    for part in range(parts):
        own = [loss for loss, code in zip(losses, codes, strict=True) if code == part]
        means.append(sum(own) / len(own) if own else None)
    return means


def soft_worst(losses, codes, parts, sharpness):
    """(1/η) log mean exp(η L), the mean at η = 0."""
    means = [mean for mean in group_means(losses, codes, parts) if mean is not None]
    if sharpness == 0:
        return sum(means) / len(means)
    return math.log(sum(math.exp(sharpness * m) for m in means) / len(means)) / sharpness


def running_weights(batches, parts, step):
    """Loss of every batch under online group DRO, q starting at 1."""
    weights, found = [1.0] * parts, []
    for losses, codes in batches:
        means = group_means(losses, codes, parts)
        here = [g for g in range(parts) if means[g] is not None]
        for g in here:
            weights[g] *= math.exp(step * means[g])
        total = sum(weights[g] for g in here)
        found.append(sum(weights[g] * means[g] for g in here) / total)
    return found


def running_gaps(batches, family, n_groups, memory):
    """2 Σ (r − mean r)² of the running soft rates after every batch."""
    rates = len(family.hits)
    hits = [[0.0] * n_groups for _ in range(rates)]
    rows = [[0.0] * n_groups for _ in range(rates)]
    found = []
    for probabilities, labels, groups in batches:
        for k in range(rates):
            for s in range(n_groups):
                hits[k][s] *= memory
                rows[k][s] *= memory
                for p, y, g in zip(probabilities, labels, groups, strict=True):
                    if g == s and family.events[k][y]:
                        rows[k][s] += 1
                        hits[k][s] += sum(p[c] * family.hits[k][c][y] for c in range(len(p)))
        total = 0.0
        for k in range(rates):
            known = [hits[k][s] / rows[k][s] for s in range(n_groups) if rows[k][s] > 0]
            centre = sum(known) / len(known) if known else 0.0
            total += 2 * sum((rate - centre) ** 2 for rate in known)
        found.append(total)
    return found
