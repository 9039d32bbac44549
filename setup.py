"""Builds from a clean folder; everything else about the package is in ``setup.cfg``."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build import build


class CleanBuild(build):
    """setuptools reuses ``build/lib``: modules that were moved or deleted since would end up in the wheel."""

    def run(self) -> None:
        shutil.rmtree(Path(self.build_base) / "lib", ignore_errors=True)
        super().run()


setup(cmdclass={"build": CleanBuild})
