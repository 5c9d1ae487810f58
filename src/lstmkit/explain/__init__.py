"""Studies that explain: how gradients fall, how far memory reaches, what the gates of a model do."""

from lstmkit.explain.gate_values import GateValues as GateValues
from lstmkit.explain.gate_values import gate_values as gate_values
from lstmkit.explain.gates import GateStudy as GateStudy
from lstmkit.explain.gates import study_gates as study_gates
from lstmkit.explain.gradients import GradientCurve as GradientCurve
from lstmkit.explain.gradients import GradientSettings as GradientSettings
from lstmkit.explain.gradients import measure_gradients as measure_gradients
from lstmkit.explain.memory import MemoryResult as MemoryResult
from lstmkit.explain.memory import MemorySettings as MemorySettings
from lstmkit.explain.memory import measure_memory as measure_memory
from lstmkit.explain.variants import Variant as Variant
from lstmkit.explain.variants import parse_variants as parse_variants
