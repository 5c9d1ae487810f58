"""What every task does with its results: folders, summaries, pages."""

from lstmkit.results.folder import CHECKPOINT as CHECKPOINT
from lstmkit.results.folder import check_folder as check_folder
from lstmkit.results.folder import file_of_one_job as file_of_one_job
from lstmkit.results.folder import job_folder as job_folder
from lstmkit.results.summary import SUMMARY as SUMMARY
from lstmkit.results.summary import Clock as Clock
from lstmkit.results.summary import versions as versions
from lstmkit.results.summary import without_nan as without_nan
from lstmkit.results.summary import write_summary as write_summary
