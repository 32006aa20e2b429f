"""Presidio's analyzer behind its REST API, in a process of the environment that has it: the engine is real, the server is small.

The API is that of Presidio's own server: `text` a string or a list, an error as {"error": ...}. Nothing is downloaded: a blank
spaCy model, so no names by a model; the pattern recognizers are Presidio's own, and a list of words stands for Person and Location.
Prints its port once it listens, and ends with its standard input.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from typing import Any

# by name, since only the other environment has them
presidio: Any = import_module("presidio_analyzer")
nlp_engine: Any = import_module("presidio_analyzer.nlp_engine")
spacy: Any = import_module("spacy")
tldextract: Any = import_module("tldextract")

NAMES = {"PERSON": ["Anna Berg", "José Núñez", "Jürgen"], "LOCATION": ["Oslo", "Kraków"]}


def engine() -> Any:
    """An AnalyzerEngine for English."""
    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=())  # it would fetch the newest list of domains
    model = nlp_engine.SpacyNlpEngine(models=[{"lang_code": "en", "model_name": "blank"}])
    model.nlp = {"en": spacy.blank("en")}
    registry = presidio.RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"])
    registry.remove_recognizer("SpacyRecognizer")
    for entity, words in NAMES.items():
        registry.add_recognizer(presidio.PatternRecognizer(supported_entity=entity, deny_list=words))
    return presidio.AnalyzerEngine(registry=registry, nlp_engine=model, supported_languages=["en"])


class Handler(BaseHTTPRequestHandler):
    """POST /analyze."""

    protocol_version = "HTTP/1.1"
    batch: Any

    def do_POST(self) -> None:
        """What Presidio's own server does."""
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path != "/analyze":
            self._answer(404, {"error": "not found"})
            return
        several = isinstance(asked["text"], list)
        texts = asked["text"] if several else [asked["text"]]
        options = {name: asked.get(name) for name in ("entities", "score_threshold")}
        try:
            self.batch.analyzer_engine.get_supported_entities(asked["language"])
            found = self.batch.analyze_iterator(texts, asked["language"], batch_size=len(texts), **options)
            results = [[_told(result) for result in of_text] for of_text in found]
        except Exception as error:  # noqa: BLE001 - boundary: as Presidio's own server answers
            self._answer(500, {"error": str(error)})
            return
        self._answer(200, results if several else results[0])

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Silence."""

    def _answer(self, status: int, said: Any) -> None:
        body = json.dumps(said, sort_keys=True).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _told(result: Any) -> dict[str, Any]:
    said: dict[str, Any] = result.to_dict()
    said.pop("recognition_metadata", None)
    return said


def main() -> None:
    """Serve until standard input ends."""
    Handler.batch = presidio.BatchAnalyzerEngine(engine())
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    main()
