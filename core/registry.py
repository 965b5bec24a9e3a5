"""The detectors by name. A sixth one is a file in core/detectors and a line here."""

from core.detectors.aasist import Aasist
from core.detectors.base import Detector
from core.detectors.hiercon import HierCon
from core.detectors.mambo import Mambo
from core.detectors.qaf import QafStatic
from core.detectors.sls import Sls

DETECTORS: dict[str, type[Detector]] = {
    "hiercon": HierCon,
    "qaf": QafStatic,
    "sls": Sls,
    "mambo": Mambo,
    "aasist": Aasist,
}
