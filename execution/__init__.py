"""How a GraphQL operation arrives, is bounded, run and answered.

Strawberry and graphql-core are known here, the domain is not.
"""
