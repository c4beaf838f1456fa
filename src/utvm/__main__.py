"""`python -m utvm`: the command line where no script is on the PATH."""

from utvm.cli import main

if __name__ == "__main__":
    main()
