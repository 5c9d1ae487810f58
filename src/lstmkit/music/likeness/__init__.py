"""Is it music? What is composed beside what people made."""

from lstmkit.music.likeness.apart import Apart as Apart
from lstmkit.music.likeness.apart import told_apart as told_apart
from lstmkit.music.likeness.companions import companions as companions
from lstmkit.music.likeness.comparison import Likeness as Likeness
from lstmkit.music.likeness.comparison import liken as liken
from lstmkit.music.likeness.styles import StyleJudge as StyleJudge
