"""A search over constraints: groups go to every fit and to every score by metadata routing."""

import pandas as pd
import sklearn
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV

from fairfactor import FairFactorClassifier, encode_groups, fairness_metrics
from fairfactor.data.adult import adult_task

task = adult_task(("sex",))
table = task.frame.sample(4000, random_state=0)
X, sex = table[["age", "education-num", "hours-per-week", "occupation"]], table["sex"]
y = (table[task.target] == ">50K").astype(int)


def gap(labels: pd.Series, decided, sensitive_features: pd.Series) -> float:
    """Demographic parity difference of the decisions."""
    groups = encode_groups(sensitive_features)
    return fairness_metrics(labels.to_numpy(), decided, groups)["demographic_parity_difference"]


with sklearn.config_context(enable_metadata_routing=True):
    classifier = FairFactorClassifier(recipes=("input-features",), random_state=0)
    search = GridSearchCV(
        classifier.set_fit_request(sensitive_features=True),
        {"constraint": [None, "demographic_parity<=0.1", "demographic_parity<=0.03"]},
        scoring={
            "accuracy": "accuracy",
            "gap": make_scorer(gap, greater_is_better=False).set_score_request(
                sensitive_features=True
            ),
        },
        refit=False,  # which trade-off is right is for people to say
        cv=3,
    )
    search.fit(X, y, sensitive_features=sex)

results = pd.DataFrame(search.cv_results_)
results["mean_test_gap"] *= -1  # a score is better when larger
print(results[["param_constraint", "mean_test_accuracy", "mean_test_gap"]].to_string(index=False))
