"""What a person sees: the model drawn on a terminal by prompt_toolkit, and the keys brought to the
controller.

``screen`` runs it, ``desk`` holds the parts, ``layout`` says where they stand, ``actions`` what the keys
do. What is drawn is worked out by functions from the model to *rows*, which need no terminal:
``messages``, ``story``, ``home``, ``sidebar``, ``members``, ``status``, ``manual``, ``banner``. The rest
shows rows (``timeline`` by way of ``scroll``, ``pane``) or takes what is typed (``composer``, ``forms``,
``switcher``).
"""
