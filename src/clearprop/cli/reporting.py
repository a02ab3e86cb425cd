"""What the user is told about a training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearprop.cli.options import note

if TYPE_CHECKING:
    from clearprop.cli.fitting import Fit
    from clearprop.estimators import Classifier, Regressor

__all__ = ["ENDS", "announce", "plural", "tell_of_training"]

ENDS = {  # why training ended
    "epochs": "all done",
    "patience": "no better for a while",
    "time limit": "time is up",
    "interrupted": "interrupted",
}


def announce(fit: Fit, inferred: bool) -> None:
    """Say what is going to be learned from what; `inferred` is whether the task was told from the target."""
    problem, recipe, labels = fit.problem, fit.model.recipe, fit.problem.labels
    for text in problem.notes:
        note(f"note: {text}")
    task = f"{problem.task} of '{problem.target}'"
    if labels:
        shown = ", ".join(map(str, labels[:10])) + (", ..." if len(labels) > 10 else "")
        task += f", {len(labels)} classes ({shown})"
    doubtful = inferred and not isinstance(labels and labels[0], str | bool)
    hint = "; told from its values, --task overrides" if doubtful else ""
    note(f"task:     {task}{hint}")
    n_rows = len(fit.rows[1])
    if fit.others is not None:
        rows = f"{n_rows} to train on, {len(fit.others[1])} to validate on"
    elif recipe.members == 1:
        rows = f"{n_rows}, a fifth of them to validate on"
    else:
        rows = f"{n_rows}; each network is validated on another share of them and learns from the rest"
    note(f"rows:     {rows}")
    kinds = [problem.features.kind(name) for name in {column.name: None for column in problem.preprocessing.columns}]
    counts = [(kinds.count(kind), kind) for kind in ("number", "boolean", "category", "date")]
    note(f"features: {', '.join(plural(count, kind) for count, kind in counts if count)}")
    sizes = " -> ".join(map(str, [sum(problem.preprocessing.n_inputs), *recipe.hidden, len(labels) or 1]))
    several = f"; {recipe.members} of them, whose predictions are averaged" if recipe.members > 1 else ""
    note(f"network:  {sizes}, {recipe.activation_for(classes=bool(labels))}{several}")


def plural(count: int, thing: str) -> str:
    """Return ``1 category`` or ``2 categories``."""
    things = {"category": "categories"}.get(thing, f"{thing}s")
    return f"{count} {thing if count == 1 else things}"


def tell_of_training(model: Classifier | Regressor, seconds: float) -> None:
    """Say how long training took, why it ended, and which epochs were the best."""
    members = model.members_
    n_epochs = sum(len(member.history["loss"]) for member in members)
    networks = f"{plural(len(members), 'network')}, " if len(members) > 1 else ""
    ends = ", ".join(ENDS[reason] for reason in dict.fromkeys(member.stopped for member in members))
    best = ", ".join(str(member.best_epoch) for member in members)
    epochs = "epochs" if len(members) > 1 else "epoch"
    note(f"trained:  {networks}{plural(n_epochs, 'epoch')} in {seconds:.1f} s ({ends}), best {epochs} {best}")
