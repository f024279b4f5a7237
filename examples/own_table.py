"""A data frame in, a model that keeps a bound out.

The table is a part of Adult, which fairfactor ships; any other data frame does as well.
"""

import tempfile
from pathlib import Path

from fairfactor import FairFactorClassifier, encode_groups
from fairfactor.data.adult import adult_task
from fairfactor.fairness import confusion_counts
from fairfactor.intervals import bootstrap_gap_interval, group_table

task = adult_task(("sex",))
table = task.frame.sample(6000, random_state=0)
train, test = table[:4000], table[4000:]
rare = {"native-country", "workclass"}  # new rows have values that 4,000 rows do not
inputs = [name for name in task.input_columns if name not in rare]

fair = FairFactorClassifier(
    constraint="equalized_odds<=0.15",
    recipes=("late-features", "input-features"),  # the quick ones
    random_state=0,
)
fair.fit(train[inputs], train[task.target], sensitive_features=train["sex"])
plain = FairFactorClassifier(random_state=0).fit(train[inputs], train[task.target])
print(fair.message_)

# Rows that nobody has chosen on say what came of it.
rich = (test[task.target] == ">50K").to_numpy().astype(int)
groups = encode_groups(test["sex"])
for name, model in {"plain": plain, "fair": fair}.items():
    decided = (model.predict(test[inputs]) == ">50K").astype(int)
    counts = confusion_counts(rich, decided, groups)
    gap = bootstrap_gap_interval(counts, "equalized_odds_difference_worst_case")
    print(f"\n{name}: accuracy {(decided == rich).mean():.3f}")
    print(f"  equalised odds gap {gap.value:.3f}, 95 % interval {gap.low:.3f} to {gap.high:.3f}")
    for row in group_table(counts):
        true, false = row.true_positive_rate, row.false_positive_rate
        print(
            f"  {row.group}: {row.count} rows, true positive rate {true.value:.3f} "
            f"({true.low:.3f} to {true.high:.3f}), false {false.value:.3f}"
        )

with tempfile.TemporaryDirectory() as folder:
    fair.save(Path(folder) / "model")
    again = FairFactorClassifier.load(Path(folder) / "model")
    assert (again.predict(test[inputs]) == fair.predict(test[inputs])).all()
