"""What becomes of patients: Cox models of outcome, and how lesions change from study to study."""
