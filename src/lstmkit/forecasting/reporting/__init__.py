"""What a job leaves for people to read: report.html, its figures and tables, backtest.csv, the command again."""

from lstmkit.forecasting.reporting.report import write_report as write_report
