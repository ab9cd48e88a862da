"""YAML as text: nodes that know their position, edits that keep the rest of a text, and a writer."""
