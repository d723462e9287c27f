"""The words' encoders in the query child: towers without torch where they are prepared, the engine's where not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.errors import ModelMissingError
from core.models.early import EarlyTowers
from core.models.messages import ModelRef
from core.models.towers import QueryTower, query_tower
from core.search.messages import Models
from core.types import EmbeddingSpace, Matrix, ModelRole

AskEngine = Callable[[ModelRole, Sequence[str]], Matrix]


class Towers:
    """``core.models.base.QueryEncoders`` over the models that the last question named."""

    def __init__(self, ask_engine: AskEngine, early: EarlyTowers) -> None:
        """``ask_engine`` encodes words of a role's model where no tower is prepared; it raises ``FindlingError``."""
        self._ask_engine = ask_engine
        self._early = early
        self._models = Models(None, None)
        self._loaded: dict[ModelRole, tuple[ModelRef, QueryTower | None]] = {}

    def use(self, models: Models) -> None:
        """Take over which models are in use; a tower of another model is dropped."""
        self._models = models
        for role, (ref, _) in list(self._loaded.items()):
            if ref != self._ref(role):
                del self._loaded[role]

    def load(self) -> None:
        """Load the towers that there are."""
        for role in (ModelRole.TEXT, ModelRole.PHOTO):
            self._tower(role)

    def drop(self) -> None:
        """Give back the towers' memory; they are loaded again when needed."""
        self._loaded.clear()

    def text_space(self) -> EmbeddingSpace | None:
        return self._space(ModelRole.TEXT)

    def photo_space(self) -> EmbeddingSpace | None:
        return self._space(ModelRole.PHOTO)

    def encode_queries(self, texts: Sequence[str]) -> Matrix:
        return self._encode(ModelRole.TEXT, texts)

    def encode_photo_texts(self, texts: Sequence[str]) -> Matrix:
        return self._encode(ModelRole.PHOTO, texts)

    def _encode(self, role: ModelRole, texts: Sequence[str]) -> Matrix:
        if self._ref(role) is None:
            raise ModelMissingError(f"no {role} model is installed")
        tower = self._tower(role)
        return self._ask_engine(role, texts) if tower is None else tower.encode(texts)

    def _tower(self, role: ModelRole) -> QueryTower | None:
        ref = self._ref(role)
        if ref is None:
            return None
        known = self._loaded.get(role)
        if known is None:
            known = (ref, self._load(role, ref))
            self._loaded[role] = known
        return known[1]

    def _load(self, role: ModelRole, ref: ModelRef) -> QueryTower | None:
        folder = ref.prepared_folder
        if folder is None:
            return None
        return self._early.take(role, ref) or query_tower(ref.resolve(), folder)

    def _space(self, role: ModelRole) -> EmbeddingSpace | None:
        ref = self._ref(role)
        return None if ref is None else ref.resolve().space

    def _ref(self, role: ModelRole) -> ModelRef | None:
        return self._models.text if role is ModelRole.TEXT else self._models.photo
