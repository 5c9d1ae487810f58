"""What every task does: the runner of jobs, and its results: folders, summaries, pages."""

from lstmkit.results.folder import CHECKPOINT as CHECKPOINT
from lstmkit.results.job import Job as Job
from lstmkit.results.job import Run as Run
from lstmkit.results.job import run_job as run_job
from lstmkit.results.job import write_results as write_results
from lstmkit.results.summary import SUMMARY as SUMMARY
from lstmkit.results.summary import without_nan as without_nan
from lstmkit.results.verdict import Verdict as Verdict
from lstmkit.results.watcher import Watcher as Watcher
from lstmkit.results.watcher import duration as duration
