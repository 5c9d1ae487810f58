"""The command `lstm`: one small file a subcommand; each parses, makes one library call, and prints."""

from lstmkit.cli.app import main as main
