"""The words' encoders in the query child: towers without torch where they are prepared, the engine's where not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.errors import ModelMissingError
from core.models.early import EarlyTowers
from core.models.messages import ModelRef
from core.models.towers import QueryTower, query_tower
from core.search.messages import Models
from core.types import EmbeddingSpace, Matrix, ModelRole

AskEngine = Callable[[ModelRole, Sequence[str], EmbeddingSpace | None], Matrix]


class Towers:
    """``core.models.base.QueryEncoders`` over the models that the last question named.

    One tower of a role is held: that of the space that was asked for last. While another model fills its space, that is
    the one of the model before.
    """

    def __init__(self, ask_engine: AskEngine, early: EarlyTowers) -> None:
        """``ask_engine`` encodes words into a space for which no tower is prepared; it raises ``FindlingError``."""
        self._ask_engine = ask_engine
        self._early = early
        self._models: dict[ModelRole, list[ModelRef]] = {}
        self._refs: dict[EmbeddingSpace, ModelRef] = {}
        self._loaded: dict[ModelRole, tuple[ModelRef, QueryTower | None]] = {}

    def use(self, models: Models) -> None:
        """Take over which models are installed and in use; a tower of one that is not there any more is dropped."""
        self._models = {ModelRole.TEXT: models.text, ModelRole.PHOTO: models.photo}
        self._refs = {ref.resolve().space: ref for ref in (*models.text, *models.photo)}
        for role, (ref, _) in list(self._loaded.items()):
            if ref not in self._models[role]:
                del self._loaded[role]

    def load(self, text: EmbeddingSpace | None, photo: EmbeddingSpace | None) -> None:
        """Load the towers of these spaces, where there are any."""
        for role, space in ((ModelRole.TEXT, text), (ModelRole.PHOTO, photo)):
            ref = self._refs.get(space) if space is not None else None
            if ref is not None:
                self._tower(role, ref)

    def drop(self) -> None:
        """Give back the towers' memory; they are loaded again when needed."""
        self._loaded.clear()

    def text_space(self) -> EmbeddingSpace | None:
        return self._space(ModelRole.TEXT)

    def photo_space(self) -> EmbeddingSpace | None:
        return self._space(ModelRole.PHOTO)

    def serves(self, space: EmbeddingSpace) -> bool:
        return space in self._refs

    def encode_queries(self, texts: Sequence[str], space: EmbeddingSpace | None = None) -> Matrix:
        return self._encode(ModelRole.TEXT, texts, space)

    def encode_photo_texts(self, texts: Sequence[str], space: EmbeddingSpace | None = None) -> Matrix:
        return self._encode(ModelRole.PHOTO, texts, space)

    def _encode(self, role: ModelRole, texts: Sequence[str], space: EmbeddingSpace | None) -> Matrix:
        space = space or self._space(role)
        ref = self._refs.get(space) if space is not None else None
        if ref is None:
            raise ModelMissingError(f"no {role} model is installed")
        tower = self._tower(role, ref)
        return self._ask_engine(role, texts, space) if tower is None else tower.encode(texts)

    def _tower(self, role: ModelRole, ref: ModelRef) -> QueryTower | None:
        known = self._loaded.get(role)
        if known is None or known[0] != ref:
            self._loaded.pop(role, None)
            known = self._loaded[role] = (ref, self._load(role, ref))
        return known[1]

    def _load(self, role: ModelRole, ref: ModelRef) -> QueryTower | None:
        folder = ref.prepared_folder
        if folder is None:
            return None
        return self._early.take(role, ref) or query_tower(ref.resolve(), folder)

    def _space(self, role: ModelRole) -> EmbeddingSpace | None:
        refs = self._models.get(role)
        return refs[0].resolve().space if refs else None
