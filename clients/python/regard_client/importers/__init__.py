"""Bringing in what a company has: people from CSV and LDIF, history from Mattermost and Slack.

Every importer promises the same: it can be stopped and started again, repeating it changes nothing, it names each line
that it refuses with its number and the reason, and it imports nothing of a refused line.
"""

from regard_client.importers.mattermost import import_mattermost
from regard_client.importers.people import import_people
from regard_client.importers.report import BadFile, Progress, Refusal, Report
from regard_client.importers.slack import import_slack

__all__ = ["BadFile", "Progress", "Refusal", "Report", "import_mattermost", "import_people", "import_slack"]
