from tf2rust.cli import main

main()
