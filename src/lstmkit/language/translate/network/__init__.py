"""The network of a translator: what it computes, and how it learns."""

from lstmkit.language.translate.network.network import Shape as Shape
from lstmkit.language.translate.network.network import TranslationNetwork as TranslationNetwork
from lstmkit.language.translate.network.settings import TranslatorSettings as TranslatorSettings
