"""The API's shape and nothing else: types, inputs, payloads, and who may use them."""
