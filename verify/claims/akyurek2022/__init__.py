"""The statements of akyurek2022."""
