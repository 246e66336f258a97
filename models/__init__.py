"""What is stored, and the statements that find it: SQLAlchemy tables and Core constructs, no ORM
session.
"""
