"""Fairlearn measures ours and its own mitigation side by side; needs the package fairlearn."""

import pandas as pd
from fairlearn.metrics import MetricFrame, selection_rate
from fairlearn.postprocessing import ThresholdOptimizer
from sklearn.metrics import accuracy_score

from fairfactor import FairFactorClassifier
from fairfactor.data.adult import adult_task

task = adult_task(("sex",))
table = task.frame.sample(6000, random_state=0)
X, sex = table[["age", "education-num", "hours-per-week", "occupation"]], table["sex"]
y = (table[task.target] == ">50K").astype(int)
train, test = slice(0, 4000), slice(4000, None)

plain = FairFactorClassifier(random_state=0).fit(X[train], y[train])
ours = FairFactorClassifier(
    constraint="demographic_parity<=0.05",
    confidence=None,
    recipes=("late-features", "input-features"),
    random_state=0,
).fit(X[train], y[train], sensitive_features=sex[train])
thresholds = ThresholdOptimizer(
    estimator=plain, constraints="demographic_parity", prefit=True, predict_method="predict_proba"
).fit(X[train], y[train], sensitive_features=sex[train])

decisions = {
    "plain network": plain.predict(X[test]),
    "fairfactor, no group at prediction": ours.predict(X[test]),
    "Fairlearn, thresholds per group": thresholds.predict(
        X[test], sensitive_features=sex[test], random_state=0
    ),
}
rows = {}
for name, decided in decisions.items():
    frame = MetricFrame(
        metrics={"accuracy": accuracy_score, "selection rate": selection_rate},
        y_true=y[test],
        y_pred=decided,
        sensitive_features=sex[test],
    )
    rows[name] = {
        "accuracy": frame.overall["accuracy"],
        "demographic parity difference": frame.difference()["selection rate"],
    }
print(pd.DataFrame(rows).T.round(3).to_string())
